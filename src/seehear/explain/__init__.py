"""Why an answer is what it is: which parts of the input, which senses and which taught examples it goes by."""

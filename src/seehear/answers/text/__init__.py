"""Text: the words of a recording, spelt token by token from what is heard and what is usually said."""

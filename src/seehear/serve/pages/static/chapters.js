// On a narrow screen the chapters scroll sideways: begin with the one that is open.

document.querySelector(".chapters [aria-current]")?.scrollIntoView({ inline: "center", block: "nearest" });

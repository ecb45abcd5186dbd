"""Known-bad hosting: indicators from many kinds of files, and one join of all of them with the events."""

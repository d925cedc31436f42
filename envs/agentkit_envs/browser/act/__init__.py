"""What actions there are, how their texts are read, and how they are carried out on a page."""

"""What the shop shows, in every form of an observation, and the actions on it."""

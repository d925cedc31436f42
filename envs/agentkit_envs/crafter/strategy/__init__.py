"""How the rule-based player of Crafter thinks: pure functions on a scene and a remembered map."""

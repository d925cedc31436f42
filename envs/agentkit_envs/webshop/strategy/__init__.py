"""How the rule-based shopper decides: what is wished for, what is known, what to do next."""

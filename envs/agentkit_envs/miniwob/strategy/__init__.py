"""How the rule-based player of MiniWoB++ decides: one short rule for each family of tasks."""

"""Episodes: played, resumed, forked and replayed."""

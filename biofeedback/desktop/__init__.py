"""The windows of a session or a replay: a calm one for the trainee, and one with plots for whoever watches."""

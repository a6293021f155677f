"""Claims about how losses are computed."""

"""Claims about losses of forecasts."""

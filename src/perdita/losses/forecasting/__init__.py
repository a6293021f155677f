"""Losses of forecasts: errors as shares of the series, logarithmic errors, roots over the whole batch."""

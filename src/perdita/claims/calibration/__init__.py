"""Claims about losses for calibration."""

"""Which loss, on your data: train every loss under the same conditions and compare them with honest statistics."""

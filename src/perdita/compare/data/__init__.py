"""From any source to tensors: tables, splits, conditions, preprocessing."""

"""What people see: exports, published places, comparisons, history."""

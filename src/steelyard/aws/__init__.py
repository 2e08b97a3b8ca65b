"""The edge to AWS: prices, bills, quotas."""

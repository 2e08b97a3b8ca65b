"""Plan to documents: Kubernetes objects, Terraform variables, dashboards, alert rules."""

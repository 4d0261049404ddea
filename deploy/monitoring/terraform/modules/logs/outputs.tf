output "metrics" {
  description = "Names of the log-based metrics."
  value       = { for key, metric in google_logging_metric.this : key => metric.name }
}

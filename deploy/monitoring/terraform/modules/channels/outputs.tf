output "critical" {
  description = "Channels for what must be looked at now: all of them."
  value       = concat(local.pagerduty, local.others)
}

output "warning" {
  description = "Channels for what can wait: all but PagerDuty; PagerDuty if there is nothing else."
  value       = length(local.others) > 0 ? local.others : local.pagerduty
}

locals {
  pagerduty = google_monitoring_notification_channel.pagerduty[*].name
  others = concat(
    google_monitoring_notification_channel.slack[*].name,
    [for channel in google_monitoring_notification_channel.email : channel.name],
  )
}

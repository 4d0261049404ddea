# Where alerts go. A channel is made for each service that has a value.

resource "google_monitoring_notification_channel" "pagerduty" {
  count = var.pagerduty_service_key == null ? 0 : 1

  project      = var.project
  display_name = "Millrace: PagerDuty"
  type         = "pagerduty"

  sensitive_labels {
    service_key = var.pagerduty_service_key
  }
}

resource "google_monitoring_notification_channel" "slack" {
  count = var.slack_channel == null ? 0 : 1

  project      = var.project
  display_name = "Millrace: Slack ${var.slack_channel}"
  type         = "slack"

  labels = {
    channel_name = var.slack_channel
  }

  sensitive_labels {
    auth_token = var.slack_auth_token
  }

  lifecycle {
    precondition {
      condition     = var.slack_auth_token != null
      error_message = "slack_channel needs slack_auth_token."
    }
  }
}

resource "google_monitoring_notification_channel" "email" {
  for_each = toset(var.emails)

  project      = var.project
  display_name = "Millrace: ${each.value}"
  type         = "email"

  labels = {
    email_address = each.value
  }
}

# An export that Airflow runs in Cloud Composer: alerts from its log lines, to PagerDuty, Slack and e-mail.

terraform {
  required_version = ">= 1.5"

  required_providers {
    google = {
      source  = "hashicorp/google"
      version = "~> 6.50"
    }
  }
}

provider "google" {
  project = var.project
}

module "channels" {
  source = "../../modules/channels"

  project               = var.project
  pagerduty_service_key = var.pagerduty_service_key
  slack_channel         = var.slack_channel
  slack_auth_token      = var.slack_auth_token
  emails                = var.emails
}

module "logs" {
  source = "../../modules/logs"

  project           = var.project
  resource_type     = "cloud_composer_environment"
  log_filter        = "resource.labels.environment_name=\"${var.environment}\""
  interval_s        = 3600
  critical_channels = module.channels.critical
  warning_channels  = module.channels.warning
  runbook_url       = var.runbook_url
}

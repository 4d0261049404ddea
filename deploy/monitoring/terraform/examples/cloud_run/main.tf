# A proxy or a watch as a Cloud Run service: alerts from its log lines, its CPU and memory, and its metrics, which a
# Prometheus sidecar of Cloud Run collects.

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

  project = var.project
  emails  = var.emails
}

module "logs" {
  source = "../../modules/logs"

  project           = var.project
  resource_type     = "cloud_run_revision"
  log_filter        = "resource.labels.service_name=\"${var.service}\""
  critical_channels = module.channels.critical
  warning_channels  = module.channels.warning
  runbook_url       = var.runbook_url
}

module "resources" {
  source = "../../modules/resources"

  project           = var.project
  resource_type     = "cloud_run_revision"
  resource_filter   = "resource.labels.service_name=\"${var.service}\""
  critical_channels = module.channels.critical
  warning_channels  = module.channels.warning
  runbook_url       = var.runbook_url
}

module "prometheus" {
  source = "../../modules/prometheus"

  project           = var.project
  rules_file        = "${path.module}/../../../prometheus/millrace.rules.yml"
  critical_channels = module.channels.critical
  warning_channels  = module.channels.warning
  runbook_url       = var.runbook_url
}

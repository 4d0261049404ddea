# CPU and memory, as the platform measures them.

locals {
  # Metrics of the share of the limit that is used; `scale` is the number that means all of it.
  platforms = {
    cloud_run_revision = {
      cpu    = { metric = "run.googleapis.com/container/cpu/utilizations", aligner = "ALIGN_PERCENTILE_99", scale = 1 }
      memory = { metric = "run.googleapis.com/container/memory/utilizations", aligner = "ALIGN_PERCENTILE_99", scale = 1 }
    }
    cloud_run_job = {
      cpu    = { metric = "run.googleapis.com/container/cpu/utilizations", aligner = "ALIGN_PERCENTILE_99", scale = 1 }
      memory = { metric = "run.googleapis.com/container/memory/utilizations", aligner = "ALIGN_PERCENTILE_99", scale = 1 }
    }
    k8s_container = {
      cpu    = { metric = "kubernetes.io/container/cpu/limit_utilization", aligner = "ALIGN_MEAN", scale = 1 }
      memory = { metric = "kubernetes.io/container/memory/limit_utilization", aligner = "ALIGN_MAX", scale = 1 }
    }
    gce_instance = {
      cpu    = { metric = "compute.googleapis.com/instance/cpu/utilization", aligner = "ALIGN_MEAN", scale = 1 }
      memory = { metric = "agent.googleapis.com/memory/percent_used", aligner = "ALIGN_MEAN", scale = 100 }
    }
  }

  alerts = {
    cpu    = { name = "MillraceCpuHigh", severity = "WARNING", for_s = 1800, channels = var.warning_channels, summary = "processors are busy for half an hour" }
    memory = { name = "MillraceMemoryHigh", severity = "CRITICAL", for_s = 300, channels = var.critical_channels, summary = "the memory is nearly used up" }
  }
}

resource "google_monitoring_alert_policy" "resources" {
  for_each = local.alerts

  project               = var.project
  display_name          = "${each.value.name} (${var.name})"
  combiner              = "OR"
  severity              = each.value.severity
  notification_channels = each.value.channels

  conditions {
    display_name = each.value.summary

    condition_threshold {
      filter = join(" AND ", compact([
        "metric.type=\"${local.platforms[var.resource_type][each.key].metric}\"",
        "resource.type=\"${var.resource_type}\"",
        # Of the memory's states, those that a program holds.
        local.platforms[var.resource_type][each.key].metric == "agent.googleapis.com/memory/percent_used" ? "metric.labels.state=\"used\"" : "",
        var.resource_filter,
      ]))
      comparison      = "COMPARISON_GT"
      threshold_value = var.threshold * local.platforms[var.resource_type][each.key].scale
      duration        = "${each.value.for_s}s"

      aggregations {
        alignment_period   = "300s"
        per_series_aligner = local.platforms[var.resource_type][each.key].aligner
      }
    }
  }

  documentation {
    subject   = "Millrace: ${each.value.summary}"
    mime_type = "text/markdown"
    content   = "What it means and what to do: [${each.value.name}](${var.runbook_url}#${lower(each.value.name)})"

    links {
      display_name = "Runbook"
      url          = "${var.runbook_url}#${lower(each.value.name)}"
    }
  }
}

# Metrics and alerts from the log lines of Millrace, wherever it runs: Cloud Run, GKE, Compute Engine with the Ops Agent,
# and the task logs of Cloud Composer. There the line is the text of an entry, elsewhere `message` of its JSON.

locals {
  # "No new line for N intervals". Cloud Monitoring looks back 23.5 hours at most.
  absent_s = var.interval_s == null ? 0 : var.intervals * var.interval_s

  metrics = {
    # The seed of these alerts: a service that answers HTTP 500.
    http_500 = {
      description = "Responses with HTTP 500 to requests of Millrace"
      filter      = "(jsonPayload.message=\"a server answered with an error\" AND jsonPayload.status=500) OR textPayload=~\"a server answered with an error.*status[^a-z0-9]{1,3}500\""
    }
    # An export reports each window, also one without records.
    retrieved = {
      description = "Windows that exports have retrieved"
      filter      = "jsonPayload.message=~\"^retrieved: [0-9]+ records$\" OR textPayload=~\"retrieved: [0-9]+ records\""
    }
    run_failed = {
      description = "Runs that failed or rejected records"
      filter      = "(jsonPayload.message=~\"^(Import|Export|Watch) complete$\" AND severity=ERROR) OR textPayload=~\"(Import|Export|Watch) complete.*success[^a-z0-9]{1,3}false\" OR textPayload=~\"^millrace (import|watch|proxy|export [a-z]+|staypoints): \""
    }
    dead_letters = {
      description = "Runs and objects with rejected records"
      filter      = "jsonPayload.rejected>0 OR textPayload=~\"(Import|Export|Watch) complete.*rejected[^a-z0-9]{1,3}[1-9]\""
    }
    object_failed = {
      description = "Objects that a watch could not import"
      filter      = "jsonPayload.message=\"object failed\" AND severity=ERROR"
    }
    config_invalid = {
      description = "Changed configs that are invalid and not in use"
      filter      = "jsonPayload.message=\"config not reloaded; the one before stays in use\""
    }
    delivery_stopped = {
      description = "Deliveries of a proxy that have stopped and are tried again"
      filter      = "jsonPayload.message=\"a delivery stopped and will be tried again\""
    }
    records_expired = {
      description = "Segments that a proxy has dropped for a destination, because of their age"
      filter      = "jsonPayload.message=\"records are too old to be delivered, and were dropped\""
    }
    spool_failed = {
      description = "Proxies that acknowledge nothing because their disk has failed"
      filter      = "jsonPayload.message=\"the disk of the spool failed; nothing is acknowledged any more\""
    }
  }

  # `least`: how many lines within `within_s` are an alert.
  alerts = {
    http_500         = { name = "MillraceHttp500", least = 3, within_s = 300, severity = "WARNING", summary = "a server has answered HTTP 500 three times or more in 5 minutes" }
    run_failed       = { name = "MillraceRunFailed", least = 1, within_s = 300, severity = "WARNING", summary = "a run has failed or rejected records" }
    dead_letters     = { name = "MillraceDeadLetters", least = 1, within_s = 900, severity = "WARNING", summary = "records were rejected" }
    object_failed    = { name = "MillraceWatchObjectsFail", least = 3, within_s = 900, severity = "WARNING", summary = "objects cannot be imported" }
    config_invalid   = { name = "MillraceWatchConfigInvalid", least = 1, within_s = 300, severity = "WARNING", summary = "a changed config is invalid and not in use" }
    delivery_stopped = { name = "MillraceProxyDestinationLate", least = 5, within_s = 900, severity = "CRITICAL", summary = "a destination of a proxy cannot be delivered to" }
    records_expired  = { name = "MillraceProxyRecordsExpired", least = 1, within_s = 300, severity = "CRITICAL", summary = "records were dropped from the spool of a proxy" }
    spool_failed     = { name = "MillraceProxyRefusesRequests", least = 1, within_s = 300, severity = "CRITICAL", summary = "the disk of a proxy's spool has failed" }
  }

  # Metrics in Cloud Monitoring belong to types of resources; a policy names the type that writes the logs.
  resource_filter = "resource.type=\"${var.resource_type}\""
}

resource "google_logging_metric" "this" {
  for_each = local.metrics

  project     = var.project
  name        = "${var.prefix}/${each.key}"
  description = each.value.description
  filter      = "resource.type=\"${var.resource_type}\" AND (${each.value.filter})${var.log_filter == "" ? "" : " AND (${var.log_filter})"}"

  metric_descriptor {
    metric_kind  = "DELTA"
    value_type   = "INT64"
    unit         = "1"
    display_name = each.value.description
  }
}

resource "google_monitoring_alert_policy" "lines" {
  for_each = local.alerts

  project               = var.project
  display_name          = "${each.value.name} (${var.prefix})"
  combiner              = "OR"
  severity              = each.value.severity
  notification_channels = each.value.severity == "CRITICAL" ? var.critical_channels : var.warning_channels

  conditions {
    display_name = each.value.summary

    condition_threshold {
      filter          = "metric.type=\"logging.googleapis.com/user/${google_logging_metric.this[each.key].name}\" AND ${local.resource_filter}"
      comparison      = "COMPARISON_GT"
      threshold_value = each.value.least - 1
      duration        = "0s"

      aggregations {
        alignment_period     = "${each.value.within_s}s"
        per_series_aligner   = "ALIGN_SUM"
        cross_series_reducer = "REDUCE_SUM"
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

  alert_strategy {
    auto_close = "86400s"
  }
}

# No line "retrieved: N records", not even for zero records, for N intervals.
resource "google_monitoring_alert_policy" "retrieved" {
  count = var.interval_s == null ? 0 : 1

  project               = var.project
  display_name          = "MillraceExportRetrievesNothing (${var.prefix})"
  combiner              = "OR"
  severity              = "CRITICAL"
  notification_channels = var.critical_channels

  conditions {
    display_name = "no window was retrieved for ${var.intervals} intervals"

    condition_absent {
      filter   = "metric.type=\"logging.googleapis.com/user/${google_logging_metric.this["retrieved"].name}\" AND ${local.resource_filter}"
      duration = "${local.absent_s}s"

      aggregations {
        alignment_period     = "300s"
        per_series_aligner   = "ALIGN_SUM"
        cross_series_reducer = "REDUCE_SUM"
      }
    }
  }

  documentation {
    subject   = "Millrace: an export retrieves nothing"
    mime_type = "text/markdown"
    content   = "What it means and what to do: [MillraceExportRetrievesNothing](${var.runbook_url}#millraceexportretrievesnothing)"

    links {
      display_name = "Runbook"
      url          = "${var.runbook_url}#millraceexportretrievesnothing"
    }
  }

  lifecycle {
    precondition {
      condition     = local.absent_s <= 84600
      error_message = "intervals * interval_s must be at most 84600 (23.5 hours), the longest absence that Cloud Monitoring sees."
    }
  }
}

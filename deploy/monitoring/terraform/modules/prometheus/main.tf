# The alert rules of deploy/monitoring/prometheus as policies, for metrics that Google Cloud Managed Service for
# Prometheus collects: lag of a watch, oldest pending record, spool, dead letters and the rest.

locals {
  rules = merge([
    for group in yamldecode(file(var.rules_file)).groups : {
      for rule in group.rules : rule.alert => merge({ "for" = "0s" }, rule, { group = group.name })
    }
  ]...)

  # "5m" -> 300
  units = { s = 1, m = 60, h = 3600 }
  for_s = {
    for name, rule in local.rules :
    name => tonumber(regex("^([0-9]+)[smh]$", rule["for"])[0]) * local.units[regex("([smh])$", rule["for"])[0]]
  }
}

resource "google_monitoring_alert_policy" "rules" {
  for_each = local.rules

  project               = var.project
  display_name          = each.key
  combiner              = "OR"
  severity              = upper(each.value.labels.severity)
  notification_channels = each.value.labels.severity == "critical" ? var.critical_channels : var.warning_channels

  conditions {
    display_name = each.key

    condition_prometheus_query_language {
      query               = each.value.expr
      duration            = "${local.for_s[each.key]}s"
      evaluation_interval = "60s"
      rule_group          = each.value.group
      alert_rule          = each.key
      # Metrics of verbs that have not run yet are not known.
      disable_metric_validation = true
    }
  }

  documentation {
    subject   = "Millrace: ${each.key}"
    mime_type = "text/markdown"
    content   = "${each.value.annotations.description}\n\n[Runbook](${var.runbook_url}#${lower(each.key)})"

    links {
      display_name = "Runbook"
      url          = "${var.runbook_url}#${lower(each.key)}"
    }
  }
}

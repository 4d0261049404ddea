variable "project" {
  description = "Google Cloud project of the channels."
  type        = string
}

variable "pagerduty_service_key" {
  description = "Integration key of a PagerDuty service (Events API v1, \"Google Cloud Monitoring\"). It forwards to Slack and e-mail if it is set up so."
  type        = string
  default     = null
  sensitive   = true
}

variable "slack_channel" {
  description = "Slack channel such as #data-alerts."
  type        = string
  default     = null

  validation {
    condition     = var.slack_channel == null ? true : startswith(var.slack_channel, "#")
    error_message = "slack_channel begins with #."
  }
}

variable "slack_auth_token" {
  description = "OAuth token of Google Cloud Monitoring's Slack app."
  type        = string
  default     = null
  sensitive   = true
}

variable "emails" {
  description = "Addresses for e-mail."
  type        = list(string)
  default     = []
}

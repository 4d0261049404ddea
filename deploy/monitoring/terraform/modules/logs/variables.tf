variable "project" {
  description = "Google Cloud project that has the logs."
  type        = string
}

variable "resource_type" {
  description = "Type of the resource that writes the logs: cloud_run_revision, cloud_run_job, k8s_container, gce_instance, or cloud_composer_environment for tasks of Airflow."
  type        = string

  validation {
    condition     = contains(["cloud_run_revision", "cloud_run_job", "k8s_container", "gce_instance", "cloud_composer_environment"], var.resource_type)
    error_message = "resource_type is not one of those that this module knows."
  }
}

variable "log_filter" {
  description = "Further conditions for log entries, such as resource.labels.service_name=\"millrace\"."
  type        = string
  default     = ""
}

variable "prefix" {
  description = "Beginning of the names of the metrics; another one for each use of this module in a project."
  type        = string
  default     = "millrace"
}

variable "interval_s" {
  description = "Seconds between two scheduled exports. Null: there is no export, or none that is scheduled."
  type        = number
  default     = null

  validation {
    condition     = var.interval_s == null ? true : var.interval_s >= 60 && var.interval_s % 60 == 0
    error_message = "interval_s is in whole minutes, as Cloud Monitoring counts an absence."
  }
}

variable "intervals" {
  description = "For how many intervals no window may be retrieved."
  type        = number
  default     = 3
}

variable "critical_channels" {
  description = "Names of notification channels, as the module channels has them."
  type        = list(string)
}

variable "warning_channels" {
  description = "Names of notification channels, as the module channels has them."
  type        = list(string)
}

variable "runbook_url" {
  description = "Address of your copy of docs/runbooks.md."
  type        = string
}

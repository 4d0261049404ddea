variable "project" {
  description = "Google Cloud project of the resources."
  type        = string
}

variable "name" {
  description = "What the policies are called after; another one for each use of this module."
  type        = string
  default     = "millrace"
}

variable "resource_type" {
  description = "cloud_run_revision, cloud_run_job, k8s_container or gce_instance (memory: with the Ops Agent)."
  type        = string

  validation {
    condition     = contains(["cloud_run_revision", "cloud_run_job", "k8s_container", "gce_instance"], var.resource_type)
    error_message = "resource_type is not one of those that this module knows."
  }
}

variable "resource_filter" {
  description = "Which resources: a condition such as resource.labels.service_name=\"millrace\"."
  type        = string
}

variable "threshold" {
  description = "Share of the limit, 0 to 1, above which there is an alert."
  type        = number
  default     = 0.9

  validation {
    condition     = var.threshold > 0 && var.threshold <= 1
    error_message = "threshold is above 0 and at most 1."
  }
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

variable "project" {
  description = "Google Cloud project."
  type        = string
}

variable "service" {
  description = "Name of the Cloud Run service."
  type        = string
}

variable "emails" {
  description = "Addresses for e-mail."
  type        = list(string)
}

variable "runbook_url" {
  description = "Address of your copy of docs/runbooks.md."
  type        = string
}

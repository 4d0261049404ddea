module millrace/tests/clients

go 1.21

require github.com/mixpanel/mixpanel-go v1.2.1

// mixpanel-go over HTTPS; SSL_CERT_FILE names the CA. Arguments: the input file.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"time"

	"github.com/mixpanel/mixpanel-go"
)

type input struct {
	Token    string `json:"token"`
	URL      string `json:"url"`
	FromDate string `json:"from_date"`
	ToDate   string `json:"to_date"`
	Events   []struct {
		Event      string         `json:"event"`
		Time       int64          `json:"time"`
		InsertID   string         `json:"insert_id"`
		Identity   map[string]any `json:"identity"`
		Properties map[string]any `json:"properties"`
	} `json:"events"`
	Profiles map[string]map[string]any            `json:"profiles"`
	Groups   map[string]map[string]map[string]any `json:"groups"`
}

type outcome struct {
	Events     []any             `json:"events"`
	Profiles   []string          `json:"profiles"`
	Groups     [][]string        `json:"groups"`
	Other      []string          `json:"other"`
	ReadEvents []*mixpanel.Event `json:"read_events"`
}

func must(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func send(ctx context.Context, client *mixpanel.ApiClient, given *input, result *outcome) {
	var events []*mixpanel.Event
	for _, given := range given.Events {
		properties := map[string]any{}
		for name, value := range given.Properties {
			properties[name] = value
		}
		distinctID := ""
		for name, value := range given.Identity {
			if name == "distinct_id" {
				distinctID = value.(string)
			} else {
				properties[name] = value
			}
		}
		event := client.NewEvent(given.Event, distinctID, properties)
		event.AddTime(time.Unix(given.Time, 0))
		event.AddInsertID(given.InsertID)
		events = append(events, event)
		result.Events = append(result.Events, given.Properties["n"])
	}
	half := len(events) / 2
	must(client.Track(ctx, events[:half]))
	rest := events[half:]
	for i, compression := range []mixpanel.MpCompression{mixpanel.Gzip, mixpanel.None} {
		part := rest[i*len(rest)/2 : (i+1)*len(rest)/2]
		strict := i == 0
		done, err := client.Import(ctx, part, mixpanel.ImportOptions{Strict: strict, Compression: compression})
		must(err)
		accepted := done.NumRecordsImported == len(part)
		if !strict { // the response has a status only
			accepted = done.Status == 1.0
		}
		if !accepted {
			must(fmt.Errorf("%d of %d records were imported, status %v", done.NumRecordsImported, len(part), done.Status))
		}
	}
}

func main() {
	text, err := os.ReadFile(os.Args[1])
	must(err)
	var given input
	must(json.Unmarshal(text, &given))
	ctx := context.Background()
	client := mixpanel.NewApiClient(given.Token, mixpanel.ProxyApiLocation(given.URL), mixpanel.ProxyDataLocation(given.URL),
		mixpanel.ApiSecret("secret"), mixpanel.ServiceAccount(7, "user", "secret"))
	var result outcome
	send(ctx, client, &given, &result)
	for id, values := range given.Profiles {
		must(client.PeopleSet(ctx, []*mixpanel.PeopleProperties{mixpanel.NewPeopleProperties(id, values)}))
		result.Profiles = append(result.Profiles, id)
	}
	for key, groups := range given.Groups {
		for id, values := range groups {
			must(client.GroupSet(ctx, key, id, values))
			result.Groups = append(result.Groups, []string{key, id})
		}
	}
	must(client.Alias(ctx, "alias-1", "user-1"))
	must(client.Merge(ctx, "user-1", "user-2"))
	result.Other = []string{"$create_alias", "$merge"}
	from, err := time.Parse("2006-01-02", given.FromDate)
	must(err)
	to, err := time.Parse("2006-01-02", given.ToDate)
	must(err)
	result.ReadEvents, err = client.Export(ctx, from, to, mixpanel.ExportNoLimit, mixpanel.ExportNoEventFilter,
		mixpanel.ExportNoWhereFilter)
	must(err)
	must(json.NewEncoder(os.Stdout).Encode(result))
}

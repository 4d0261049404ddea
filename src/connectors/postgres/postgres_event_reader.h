// Reads back the events of a table.
#ifndef MILLRACE_CONNECTORS_POSTGRES_POSTGRES_EVENT_READER_H_
#define MILLRACE_CONNECTORS_POSTGRES_POSTGRES_EVENT_READER_H_

#include <memory>
#include <string>

#include "connectors/postgres/table_spec.h"
#include "pipeline/event_reader.h"
#include "postgres_client/connection.h"
#include "records/form.h"

namespace millrace::postgres {

// Each Read() is one statement, so it sees the table at one moment; rows stream through and are not
// kept. Identities are those of the table's columns, whatever the form: a record has the one that
// its row has.
std::unique_ptr<EventReader> NewPostgresEventReader(Address address, TableName table, Form form);

// COPY ... TO STDOUT of the time (milliseconds since 1970; in the flat form, the text of the
// record), event, $insert_id and distinct_id.
std::string ReadEventsSql(const TableName& table, Form form, const EventQuery& query);

}  // namespace millrace::postgres

#endif  // MILLRACE_CONNECTORS_POSTGRES_POSTGRES_EVENT_READER_H_

#include "connectors/postgres/write_errors.h"

#include "base/strings.h"
#include "postgres_client/sql_text.h"

namespace millrace::postgres {
namespace {

std::string Advice(std::string_view state, const TableName& table) {
  if (state == "42P01") {
    return StrCat(". Was a table dropped or renamed? `millrace destinations create` makes ",
                  table.Text(), "; add --force to send again what was in it");
  }
  if (state == "42703") {
    return StrCat(". Was a column of ", table.Text(), " dropped or renamed? `millrace ",
                  "destinations check` lists what it needs");
  }
  if (state == "42501") return ". `millrace destinations check` prints the GRANT statements";
  if (state == "28P01" || state == "28000") {
    return ". Check the user, the password (PGPASSWORD, ~/.pgpass) and the server's pg_hba.conf";
  }
  if (state == "3D000") return ". Create the database, or name another one";
  if (state == "25006") {
    return ": it is a standby or default_transaction_read_only is on. Name the primary, or several "
           "hosts with target_session_attrs=read-write";
  }
  if (state == "53100") return ". Its disk is full: make room; nothing is lost meanwhile";
  if (state == "53300") {
    return ". It has no free connection: raise max_connections or use fewer concurrent writes";
  }
  if (state == "55P03") {
    return ". Another session has locked the table or the object for more than 30 s";
  }
  if (state == "57014") {
    return ". If it took longer than statement_timeout allows, add options=-cstatement_timeout%3D0 "
           "to the DEST";
  }
  return "";
}

// Where reading needs something else than writing.
std::string ReadAdvice(std::string_view state, const TableName& table) {
  if (state == "42P01") {
    return StrCat(". Was the table dropped or renamed? `millrace destinations create` makes ",
                  table.Text(), ", and `millrace reconcile --repair` then fills it");
  }
  if (state == "42703") {
    return StrCat(". Is ", table.Text(), " a table of another form (form=table, raw or flat), or ",
                  "was a column dropped? `millrace destinations check` lists what it needs");
  }
  if (state == "42501") {
    return StrCat(". The role needs: GRANT USAGE ON SCHEMA ", QuoteName(table.schema),
                  "; GRANT SELECT ON ", table.Quoted(),
                  "; and if the table has row-level security, BYPASSRLS");
  }
  return Advice(state, table);
}

absl::Status Append(const absl::Status& why, const std::string& advice) {
  if (why.ok() || advice.empty()) return why;
  return absl::Status(why.code(), StrCat(why.message(), advice));
}

}  // namespace

absl::Status Explain(const absl::Status& why, const ServerError& error, const TableName& table) {
  return Append(why, Advice(error.state, table));
}

absl::Status ExplainRead(const absl::Status& why, const ServerError& error,
                         const TableName& table) {
  return Append(why, ReadAdvice(error.state, table));
}

WriteResult FailedWrite(const absl::Status& why, const ServerError& error, const TableName& table) {
  const absl::Status explained = Explain(why, error, table);
  const bool passes = absl::IsUnavailable(why) || absl::IsCancelled(why) || absl::IsAborted(why) ||
                      absl::IsResourceExhausted(why);
  if (!passes) return WriteResult::Stop(explained);
  return WriteResult::Retry(explained, absl::ZeroDuration(), IsOverloaded(error.state));
}

absl::Status CheckStored(const TableName& table, uint64_t stored, uint64_t sent) {
  if (stored == sent) return absl::OkStatus();
  return absl::FailedPreconditionError(
      StrCat(table.Text(), " stored ", stored, " of ", sent,
             " rows and refused none: a trigger or rule leaves rows out, which would be lost. Drop "
             "it, let it raise an exception for rows that are not wanted, or name another table"));
}

RefusedRow RefusalOf(const ServerError& error) {
  RefusedRow refused;
  refused.field = error.column.empty() ? error.constraint : error.column;
  refused.message = StrCat(error.message, " (SQLSTATE ", error.state, ")");
  return refused;
}

}  // namespace millrace::postgres

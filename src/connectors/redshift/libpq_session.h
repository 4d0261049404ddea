// Statements through a connection to Redshift, by libpq.
#ifndef MILLRACE_CONNECTORS_REDSHIFT_LIBPQ_SESSION_H_
#define MILLRACE_CONNECTORS_REDSHIFT_LIBPQ_SESSION_H_

#include <memory>

#include "connectors/redshift/redshift_spec.h"
#include "connectors/redshift/sql_session.h"

namespace millrace::redshift {

// `spec` has an address and outlives it. Connects when it is first used, and again after the
// connection was lost.
std::unique_ptr<SqlSession> NewLibpqSession(const RedshiftSpec& spec);

}  // namespace millrace::redshift

#endif  // MILLRACE_CONNECTORS_REDSHIFT_LIBPQ_SESSION_H_

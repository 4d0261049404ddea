// A client of the SQL API with a connection of its own.
#ifndef MILLRACE_CONNECTORS_SNOWFLAKE_OWN_CLIENT_H_
#define MILLRACE_CONNECTORS_SNOWFLAKE_OWN_CLIENT_H_

#include <memory>
#include <utility>

#include "base/clock.h"
#include "connectors/snowflake/account_client.h"
#include "connectors/snowflake/sign_in.h"
#include "connectors/snowflake/snowflake_spec.h"
#include "connectors/snowflake/sql_client.h"
#include "net/http_client.h"

namespace millrace::snowflake {

// One thread at a time. All that it is made of outlives it.
struct OwnClient {
  AccountClient account;
  SqlClient sql;

  OwnClient(const SnowflakeSpec& spec, SignIn& sign_in, std::unique_ptr<HttpClient> http,
            Clock& clock)
      : account(spec.url, sign_in, std::move(http), clock), sql(spec, account) {}
};

}  // namespace millrace::snowflake

#endif  // MILLRACE_CONNECTORS_SNOWFLAKE_OWN_CLIENT_H_

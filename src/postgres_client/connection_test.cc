// Addresses, for which no server is needed; the rest is in
// tests/integration/postgres_ledger_test.cc.
#include "postgres_client/connection.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <string>

namespace millrace::postgres {
namespace {

TEST(AddressTest, AreUrisOrConnectionStrings) {
  for (const char* text :
       {"postgres://h/d", "postgresql://u@h:1/d?sslmode=require", "host=h dbname=d", "host = h",
        "password='x y' host=h", "service=mine", "hostaddr=127.0.0.1"}) {
    EXPECT_TRUE(IsAddress(text)) << text;
  }
  for (const char* text : {"", "ledger.db", "/var/lib/x=y/ledger.db", "day=1/ledger.db", "host",
                           "sqlite:host=h", "mysql://h/d", "=x"}) {
    EXPECT_FALSE(IsAddress(text)) << text;
  }
}

TEST(AddressTest, NamesTheServerAndHidesWhoAsks) {
  for (const auto& [text, name] : std::initializer_list<std::pair<const char*, const char*>>{
           {"postgres://u:hush@h:1234/d", "postgres://h:1234/d"},
           {"postgres://u:hu%2Fsh%40x@h/d", "postgres://h:5432/d"},
           {"postgres://u:hu?sh@h/d", "postgres://h:5432/d"},
           {"host=h port=1234 dbname=d user=u password=hush", "postgres://h:1234/d"},
           {"postgres://h1:1,h2:2/d", "postgres://h1,h2:1,2/d"},
           {"postgres:///d?hostaddr=192.0.2.1&service=mine", "postgres://192.0.2.1:5432/d"},
           {"postgres://?service=mine", "postgres://mine:5432/mine"},
           {"postgres:///d?host=/tmp/sock&user=me@corp", "postgres:///tmp/sock:5432/d"}}) {
    const absl::StatusOr<Address> address = Address::Parse(text);
    ASSERT_TRUE(address.ok()) << text << ": " << address.status();
    EXPECT_EQ(address->name(), name);
  }
}

TEST(AddressTest, WhatIsMissingIsLibpqsDefault) {
  setenv("PGHOST", "elsewhere", 1);
  setenv("PGPORT", "6543", 1);
  setenv("PGDATABASE", "usual", 1);
  EXPECT_EQ(Address::Parse("postgres://")->name(), "postgres://elsewhere:6543/usual");
  EXPECT_EQ(Address::Parse("postgres://h:1/d")->name(), "postgres://h:1/d");
  for (const char* name : {"PGHOST", "PGPORT", "PGDATABASE"}) unsetenv(name);
  EXPECT_EQ(Address::Parse("postgres://")->name(), "postgres://local:5432/");
  EXPECT_FALSE(Address::Parse("postgres://")->has_database());
}

// libpq would take "hu" for the port and "sh@h" for the database, and messages would name both.
TEST(AddressTest, PasswordsThatHideInOtherPartsAreRefused) {
  for (const char* text :
       {"postgres://u:hu/sh@h/d", "postgres://u:12/sh@h/d", "postgres://u:hu@sh@h/d",
        "postgres://u:hu@s/h@h/d", "postgres://u:hu/sh?x=@h/d", "password='hush",
        "host=h port=hush", "dbname=postgres://u:hush@h/d", "postgres://[hush"}) {
    const absl::Status status = Address::Parse(text).status();
    EXPECT_TRUE(absl::IsInvalidArgument(status)) << text;
    EXPECT_EQ(status.message().find("hu"), std::string::npos) << status;
    EXPECT_NE(status.message().find("%2F"), std::string::npos) << status;
  }
}

}  // namespace
}  // namespace millrace::postgres

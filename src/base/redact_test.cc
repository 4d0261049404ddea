#include "base/redact.h"

#include <gtest/gtest.h>

namespace millrace {
namespace {

TEST(RedactTest, HidesThePasswordsOfUris) {
  for (const auto& [text, shown] : std::initializer_list<std::pair<const char*, const char*>>{
           {"postgres://u:hush@h:5432/d", "postgres://u:***@h:5432/d"},
           {"postgres://u:hu%2Fsh@h/d", "postgres://u:***@h/d"},
           // Characters that should have been written as %XX.
           {"postgres://u:hu/sh@h/d", "postgres://u:***@h/d"},
           {"postgres://u:hu@sh@h/d", "postgres://u:***@h/d"},
           {"postgres://u:hu@s/h@h/d", "postgres://u:***@h/d"},
           {"postgres://u:hu?sh@h/d", "postgres://u:***@h/d"},
           {"postgres://u:hu#sh@h/d", "postgres://u:***@h/d"},
           {"postgres://u:12/sh@h/d?x=y", "postgres://u:***@h/d?x=y"},
           {"postgres://:hush@h/d", "postgres://:***@h/d"},
           {"cannot open 'https://u:hush@h/x': no", "cannot open 'https://u:***@h/x': no"},
           {"s3://u:hush@h and gs://v:hush@h", "s3://u:***@h and gs://v:***@h"}}) {
    EXPECT_EQ(RedactSecrets(text), shown);
  }
}

TEST(RedactTest, HidesParametersThatAreSecrets) {
  EXPECT_EQ(RedactSecrets("https://a.blob.core.windows.net/c/b?sv=1&sig=hush%3D&se=2"),
            "https://a.blob.core.windows.net/c/b?sv=1&sig=***&se=2");
  EXPECT_EQ(RedactSecrets("https://h/?X-Amz-Signature=hush&X-Amz-Date=1"),
            "https://h/?X-Amz-Signature=***&X-Amz-Date=1");
  EXPECT_EQ(RedactSecrets("postgres://h/d?user=u&password=hush"),
            "postgres://h/d?user=u&password=***");
}

TEST(RedactTest, HidesThePasswordsOfConnectionStrings) {
  EXPECT_EQ(RedactSecrets("host=h password=hush dbname=d"), "host=h password=*** dbname=d");
  EXPECT_EQ(RedactSecrets("password = 'hu s\\'h' host=h"), "password = '***' host=h");
  EXPECT_EQ(RedactSecrets("host=h sslpassword=hush"), "host=h sslpassword=***");
}

TEST(RedactTest, LeavesTheRestAlone) {
  for (const char* text :
       {"", "gs://bucket/a:b@c/x.csv", "http://127.0.0.1:8080/?a@b", "https://[::1]/?a@b",
        "http://host/a@b:c", "https://[::1]:443/x?time=1#f", "firestore://project/collection",
        "/path/to password", "the password is wrong", "abfss://c@account.dfs.core.windows.net/x",
        "postgres://user@host:5432/d?sslmode=verify-full"}) {
    EXPECT_EQ(RedactSecrets(text), text);
  }
}

TEST(RedactTest, TextsThatEndInTheMiddleAreNoTrouble) {
  for (const char* text : {"://", "x://:", "x://u:@", "password=", "password='", "password=''",
                           "x://h?password", "x://h?password="}) {
    EXPECT_EQ(RedactSecrets(text), text);
  }
  EXPECT_EQ(RedactSecrets("password='hush\\"), "password='***");
}

}  // namespace
}  // namespace millrace

//! The bucket and the table of the sandbox, which makes them by itself; elsewhere `bootstrap` makes them, once.

use super::error::AwsError;
use super::session::Session;
use super::{dynamodb, s3};

/// The key attribute of the lock table.
pub const LOCK_KEY: &str = "LockId";

/// Makes the state bucket (versioned) and the lock table where they are missing.
pub async fn ensure(session: &Session, bucket: &str, table: &str) -> Result<(), AwsError> {
    tokio::try_join!(
        s3::make_bucket(session, bucket),
        dynamodb::make_table(session, table, LOCK_KEY)
    )?;
    Ok(())
}

"""Google Cloud on this machine: Firestore, and Cloud Functions."""

//! Training jobs: started, followed, and their model registered.

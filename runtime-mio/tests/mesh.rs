//! Nodes of the mesh, in processes of their own.

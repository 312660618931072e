global using Sgl.Testing;

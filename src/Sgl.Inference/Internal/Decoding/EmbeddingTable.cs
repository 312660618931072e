using Sgl.Models;

namespace Sgl.Inference.Internal.Decoding;

/// <summary>Token embeddings, read row by row from the mapped file.</summary>
internal sealed class EmbeddingTable(TensorStore store, string name, int width)
{
    private readonly TensorEntry _entry = store[name];

    /// <summary>Writes the embedding of one id, [hidden].</summary>
    public void Read(int id, Span<float> row) => store.ReadFloat32(_entry, (long)id * width, row[..width]);
}

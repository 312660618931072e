using Sgl.Text;

namespace Sgl.Models;

/// <summary>What a caller knows better than the folder.</summary>
public sealed record CheckpointOptions
{
    /// <summary>Id of the placeholder token whose embeddings are replaced by visual features, for folders without tokenizer files.</summary>
    public int? ImageTokenId { get; init; }

    /// <summary>Ids that end an answer, in place of the folder's.</summary>
    public IReadOnlyList<int>? StopTokenIds { get; init; }

    /// <summary>Limits of the tokenizer.</summary>
    public TokenizerOptions Tokenizer { get; init; } = new();
}

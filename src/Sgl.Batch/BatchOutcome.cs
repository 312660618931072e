namespace Sgl.Batch;

/// <summary>What came of a request.</summary>
/// <param name="CustomId">Its name.</param>
public sealed record BatchOutcome(string CustomId)
{
    /// <summary>The HTTP status; null: there was no answer.</summary>
    public int? Status { get; init; }

    /// <summary>The server's name for it.</summary>
    public string? RequestId { get; init; }

    /// <summary>The body of the answer: one JSON value without line breaks.</summary>
    public ReadOnlyMemory<byte> Body { get; init; }

    /// <summary>Why there was no answer.</summary>
    public (string Code, string Message)? Error { get; init; }

    /// <summary>Whether it is the answer that was asked for.</summary>
    public bool IsAnswer => Status is >= 200 and < 300 && Error is null;
}

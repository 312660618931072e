using Wire = Sgl.V1;

namespace Sgl.EngineBridge;

/// <summary>A part of a turn as the engine gets it.</summary>
internal abstract record EnginePart
{
    private EnginePart()
    {
    }

    /// <summary>Text.</summary>
    public sealed record Text(string Value) : EnginePart;

    /// <summary>A picture.</summary>
    /// <param name="Data">The encoded file.</param>
    /// <param name="MediaType">E.g. <c>image/png</c>.</param>
    /// <param name="Hints">What the engine is told about it.</param>
    public sealed record Picture(ReadOnlyMemory<byte> Data, string MediaType, PictureHints Hints = default) : EnginePart;
}

/// <summary>What an engine is told about a picture, beside it.</summary>
/// <param name="Detail">OpenAI's level of detail, e.g. <c>low</c>; null: not said.</param>
/// <param name="MaxTiles">Most tiles, as <c>image_url.max_dynamic_patch</c>; null: not said.</param>
internal readonly record struct PictureHints(string? Detail = null, int? MaxTiles = null);

/// <summary>A turn as the engine gets it.</summary>
internal sealed record EngineTurn(Wire.ChatRole Role, IReadOnlyList<EnginePart> Parts);

/// <summary>What an engine is asked.</summary>
internal sealed record EngineQuestion
{
    /// <summary>Turns, oldest first.</summary>
    public required IReadOnlyList<EngineTurn> Turns { get; init; }

    /// <summary>How tokens are chosen; checked.</summary>
    public Wire.Sampling? Sampling { get; init; }

    /// <summary>Most new tokens.</summary>
    public required int MaxNewTokens { get; init; }

    /// <summary>Whether tokens come with their log-probability.</summary>
    public bool LogProbabilities { get; init; }

    /// <summary>What the answer must be; checked. Null: any text.</summary>
    public Wire.ResponseFormat? ResponseFormat { get; init; }

    /// <summary>Further fields of the request by their JSON path, values as JSON; for what only some engines know.</summary>
    public IReadOnlyList<(string Path, string Json)> Fields { get; init; } = [];
}

/// <summary>What an engine sends.</summary>
internal abstract record EngineEvent
{
    private EngineEvent()
    {
    }

    /// <summary>A piece of the answer, mostly one token.</summary>
    /// <param name="Value">Its text; may be empty.</param>
    /// <param name="LogProbability">ln P; null where the engine does not tell it.</param>
    public sealed record Text(string Value, float? LogProbability) : EngineEvent;

    /// <summary>The end.</summary>
    public sealed record End(Wire.FinishReason Reason, EngineUsage? Usage) : EngineEvent;
}

/// <summary>An engine's own counts.</summary>
internal sealed record EngineUsage(int PromptTokens, int GeneratedTokens, int CachedPromptTokens);

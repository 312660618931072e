using System.Text.Json;
using Google.Protobuf.WellKnownTypes;

namespace Sgl.Router;

/// <summary>The prompt as the model that is asked first sees it; names and units as in <see cref="Wire.PromptLayout"/>.</summary>
internal sealed record ChatLayout
{
    public required int VisualTokenCount { get; init; }

    public required int PromptTokenCount { get; init; }

    /// <summary>In prompt order, which may differ from that of the request.</summary>
    public required IReadOnlyList<ChatImageLayout> Images { get; init; }

    public static ChatLayout From(Wire.PromptLayout layout) => new()
    {
        VisualTokenCount = layout.VisualTokenCount,
        PromptTokenCount = layout.PromptTokenCount,
        Images = [.. layout.Images.Select(ChatImageLayout.From)],
    };
}

/// <summary>Where an image's visual tokens are; sizes in pixels of the upright picture.</summary>
internal sealed record ChatImageLayout
{
    public required int ImageIndex { get; init; }

    public required int Width { get; init; }

    public required int Height { get; init; }

    public required int FirstToken { get; init; }

    public required int TokenCount { get; init; }

    public required IReadOnlyList<ChatTile> Tiles { get; init; }

    public required int PageCount { get; init; }

    public required int AppliedOrientation { get; init; }

    public static ChatImageLayout From(Wire.VisualLayout image) => new()
    {
        ImageIndex = image.ImageIndex,
        Width = image.Width,
        Height = image.Height,
        FirstToken = image.FirstToken,
        TokenCount = image.TokenCount,
        Tiles = [.. image.Tiles.Select(ChatTile.From)],
        PageCount = image.PageCount,
        AppliedOrientation = image.AppliedOrientation,
    };
}

/// <summary>A grid of visual tokens, row by row.</summary>
internal sealed record ChatTile
{
    public required string Kind { get; init; }

    public required int FirstToken { get; init; }

    public required int RowCount { get; init; }

    public required int ColumnCount { get; init; }

    public required int NewlineColumnCount { get; init; }

    public required ChatRectangle? Area { get; init; }

    public IReadOnlyList<int>? ViewRows { get; init; }

    public IReadOnlyList<int>? ViewColumns { get; init; }

    public static ChatTile From(Wire.VisualTile tile) => new()
    {
        Kind = ChatDetails.Name(tile.Kind),
        FirstToken = tile.FirstToken,
        RowCount = tile.RowCount,
        ColumnCount = tile.ColumnCount,
        NewlineColumnCount = tile.NewlineColumnCount,
        Area = ChatRectangle.From(tile.Area),
        ViewRows = tile.ViewRows.Count > 0 ? [.. tile.ViewRows] : null,
        ViewColumns = tile.ViewColumns.Count > 0 ? [.. tile.ViewColumns] : null,
    };
}

/// <summary>A rectangle in pixels of the upright picture.</summary>
internal sealed record ChatRectangle(double Left, double Top, double Width, double Height)
{
    public static ChatRectangle? From(Wire.Rectangle? area) => area is null ? null : new(area.Left, area.Top, area.Width, area.Height);
}

/// <summary>What the large model dropped.</summary>
internal sealed record ChatPruning
{
    public required double AverageRetention { get; init; }

    public required IReadOnlyList<ChatPruneStep> Steps { get; init; }

    /// <summary>What a model in a foreign engine was sent; absent for others.</summary>
    public ChatSentPictures? Pictures { get; init; }

    public static ChatPruning From(Wire.PruneOutcome pruning) => new()
    {
        AverageRetention = pruning.AverageRetention,
        Steps = [.. pruning.Steps.Select((s, i) => new ChatPruneStep(s.Layer, Count(pruning, i), s.Mask?.Bits.ToBase64()))],
        Pictures = pruning.Pictures is { } pictures ? ChatSentPictures.From(pictures) : null,
    };

    // A large service that does not count leaves the mask to be counted.
    private static int? Count(Wire.PruneOutcome pruning, int step) => step < pruning.KeptVisualTokenCounts.Count ? pruning.KeptVisualTokenCounts[step] : null;
}

/// <summary>One point at which tokens were dropped.</summary>
/// <param name="Layer">0-based layer in front of it.</param>
/// <param name="KeptVisualTokenCount">Visual tokens that stay; absent where the large service did not say.</param>
/// <param name="Mask">Base64 of the bitset: visual token i is bit <c>i % 8</c>, lowest first, of byte <c>i / 8</c>.</param>
internal sealed record ChatPruneStep(int Layer, int? KeptVisualTokenCount, string? Mask);

/// <summary>What a model in a foreign engine was sent in place of the images.</summary>
/// <param name="Strategy">How they were made.</param>
/// <param name="CoveredShare">With crops: share of the importance above its mean that is there in full resolution.</param>
/// <param name="Sent">In the order of the prompt.</param>
internal sealed record ChatSentPictures(string Strategy, double? CoveredShare, IReadOnlyList<ChatSentPicture> Sent)
{
    public static ChatSentPictures From(Wire.PictureOutcome outcome) => new(
        ChatDetails.Name(outcome.Strategy),
        outcome.HasCoveredShare ? outcome.CoveredShare : null,
        [.. outcome.Pictures.Select(p => new ChatSentPicture(p.ImageIndex, ChatDetails.Name(p.Kind), ChatRectangle.From(p.Area), p.Width, p.Height))]);
}

/// <summary>A picture as the engine got it.</summary>
/// <param name="ImageIndex">0-based index into the request's images.</param>
/// <param name="Kind"><c>whole</c>, <c>overview</c> or <c>part</c>.</param>
/// <param name="Area">The part of the image that it shows.</param>
/// <param name="Width">In pixels.</param>
/// <param name="Height">In pixels.</param>
internal sealed record ChatSentPicture(int ImageIndex, string Kind, ChatRectangle? Area, int Width, int Height);

/// <summary>What one of the models did.</summary>
internal sealed record ChatRun
{
    public required string Model { get; init; }

    public required string Answer { get; init; }

    public required string FinishReason { get; init; }

    public required int PromptTokenCount { get; init; }

    public required int VisualTokenCount { get; init; }

    public required int KeptVisualTokenCount { get; init; }

    public required int CachedVisualTokenCount { get; init; }

    public required int CachedPromptTokenCount { get; init; }

    public required int TileCount { get; init; }

    public required int EncodedTileCount { get; init; }

    public required int CachedTileCount { get; init; }

    public required int GeneratedTokenCount { get; init; }

    public required int DraftTokenCount { get; init; }

    public required int AcceptedDraftTokenCount { get; init; }

    public required long KvCacheBytes { get; init; }

    public required IReadOnlyList<int> KvLengths { get; init; }

    public required ChatTimes TimesMs { get; init; }

    public static ChatRun? From(Wire.ModelRun? run)
    {
        if (run is null)
        {
            return null;
        }

        var usage = run.Usage ?? new Wire.Usage();
        return new ChatRun
        {
            Model = run.Model,
            Answer = run.Answer,
            FinishReason = ChatDetails.Name(run.FinishReason),
            PromptTokenCount = usage.PromptTokenCount,
            VisualTokenCount = usage.VisualTokenCount,
            KeptVisualTokenCount = usage.KeptVisualTokenCount,
            CachedVisualTokenCount = usage.CachedVisualTokenCount,
            CachedPromptTokenCount = usage.CachedPromptTokenCount,
            TileCount = usage.TileCount,
            EncodedTileCount = usage.EncodedTileCount,
            CachedTileCount = usage.CachedTileCount,
            GeneratedTokenCount = usage.GeneratedTokenCount,
            DraftTokenCount = usage.DraftTokenCount,
            AcceptedDraftTokenCount = usage.AcceptedDraftTokenCount,
            KvCacheBytes = usage.KvCacheBytes,
            KvLengths = [.. usage.KvLengths],
            TimesMs = ChatTimes.From(run.Timings ?? new Wire.Timings()),
        };
    }
}

/// <summary>Times of a model's run in milliseconds; a phase that did not run is absent.</summary>
internal sealed record ChatTimes
{
    public double? Queue { get; init; }

    public double? Preprocess { get; init; }

    public double? Vision { get; init; }

    public double? Prefill { get; init; }

    public double? Decode { get; init; }

    public double? Consistency { get; init; }

    public double? TimeToFirstToken { get; init; }

    public double? Total { get; init; }

    public static ChatTimes From(Wire.Timings timings) => new()
    {
        Queue = ChatDetails.Milliseconds(timings.Queue),
        Preprocess = ChatDetails.Milliseconds(timings.Preprocess),
        Vision = ChatDetails.Milliseconds(timings.Vision),
        Prefill = ChatDetails.Milliseconds(timings.Prefill),
        Decode = ChatDetails.Milliseconds(timings.Decode),
        Consistency = ChatDetails.Milliseconds(timings.Consistency),
        TimeToFirstToken = ChatDetails.Milliseconds(timings.TimeToFirstToken),
        Total = ChatDetails.Milliseconds(timings.Total),
    };
}

/// <summary>Names and units of the contract in JSON.</summary>
internal static class ChatDetails
{
    public static double? Milliseconds(Duration? duration) => duration?.ToTimeSpan().TotalMilliseconds;

    public static string Name(System.Enum value) => JsonNamingPolicy.SnakeCaseLower.ConvertName(value.ToString());
}

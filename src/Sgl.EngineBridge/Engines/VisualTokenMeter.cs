using System.Collections.Concurrent;
using Microsoft.Extensions.Options;
using Sgl.EngineBridge.Internal;
using Sgl.Rendering;
using Sgl.Vision;
using Wire = Sgl.V1;

namespace Sgl.EngineBridge;

/// <summary>
/// Measures what pictures cost an engine, by its own usage: it is asked for one token about blank pictures of the same sizes, and the same without pictures. How many tokens a picture becomes depends on its size
/// and on the limits alone, so that each combination is asked once.
/// </summary>
internal sealed partial class VisualTokenMeter(ChatEngine engine, IOptions<BridgeOptions> options, ILogger<VisualTokenMeter> logger)
{
    // Forgotten all at once: what is asked again costs one token.
    private const int MostKept = 4096;
    private const string Without = "";

    private readonly ConcurrentDictionary<string, Task<int?>> _prompts = new(StringComparer.Ordinal);

    /// <summary>Visual tokens of pictures; null: not measured, or not told.</summary>
    /// <param name="sizes">Columns and rows of the pictures, in their order.</param>
    /// <param name="hints">What the engine is told about each.</param>
    /// <param name="fields">Limits that the engine is told.</param>
    /// <param name="correlationId">For the log.</param>
    public async Task<int?> CountAsync(IReadOnlyList<(int Width, int Height)> sizes, PictureHints hints, IReadOnlyList<(string Path, string Json)> fields, string correlationId)
    {
        if (!options.Value.MeasureVisualTokens)
        {
            return null;
        }

        if (sizes.Count == 0)
        {
            return 0;
        }

        if (_prompts.Count >= MostKept)
        {
            _prompts.Clear();
        }

        var key = string.Join(',', sizes.Select(s => FormattableString.Invariant($"{s.Width}x{s.Height}"))) + $"|{hints}|{string.Join('|', fields)}";
        var with = await PromptAsync(key, () => Question(sizes, hints, fields), correlationId);
        var without = await PromptAsync(Without, () => Question([], default, []), correlationId);
        return with - without is > 0 and var tokens ? tokens : null;
    }

    private async Task<int?> PromptAsync(string key, Func<EngineQuestion> question, string correlationId)
    {
        var counted = await _prompts.GetOrAdd(key, _ => AskAsync(question(), correlationId));
        if (counted is null)
        {
            _prompts.TryRemove(key, out _);
        }

        return counted;
    }

    // Without the caller's token: others wait for the same count. The bridge's own time limits end it.
    private async Task<int?> AskAsync(EngineQuestion question, string correlationId)
    {
        try
        {
            await foreach (var e in engine.AskAsync(question, correlationId, CancellationToken.None))
            {
                if (e is EngineEvent.End { Usage.PromptTokens: > 0 and var tokens })
                {
                    return tokens;
                }
            }
        }
        catch (EngineException e)
        {
            LogNotMeasured(correlationId, e.Message);
        }

        return null;
    }

    private static EngineQuestion Question(IReadOnlyList<(int Width, int Height)> sizes, PictureHints hints, IReadOnlyList<(string Path, string Json)> fields) => new()
    {
        Turns = [new EngineTurn(Wire.ChatRole.User, [.. sizes.Select(s => new EnginePart.Picture(PngWriter.Encode(RgbImage.Create(s.Width, s.Height)), MediaTypes.Png, hints)), new EnginePart.Text("What is this?")])],
        MaxNewTokens = 1,
        Fields = fields,
    };

    [LoggerMessage(EventId = 1, EventName = "VisualTokensNotMeasured", Level = LogLevel.Warning, Message = "{RequestId}: visual tokens could not be measured: {Problem}")]
    private partial void LogNotMeasured(string requestId, string problem);
}

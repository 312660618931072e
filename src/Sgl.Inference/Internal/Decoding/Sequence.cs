using System.Threading.Channels;
using Sgl.Guidance;
using Sgl.Inference.Internal.Kv;
using Sgl.Inference.Internal.Prefixes;
using Sgl.Inference.Internal.Scheduling;
using Sgl.Models;
using Sgl.Text;

namespace Sgl.Inference.Internal.Decoding;

/// <summary>Rotary positions of a prompt and of what follows it.</summary>
/// <param name="Axes">Axes x S position ids; one axis, or t, h, w.</param>
/// <param name="Delta">Position of the t-th generated token is S + t + delta on every axis.</param>
internal sealed record PromptPositions(int[][] Axes, int Delta)
{
    /// <summary>Largest position id of the prompt, over all axes.</summary>
    public int Largest { get; } = Axes.Max(axis => axis.Length == 0 ? 0 : axis.Max());

    /// <summary>Positions of a prompt under the rules of its family.</summary>
    public static PromptPositions Of(PreparedPrompt prompt, Checkpoint checkpoint)
    {
        var spans = prompt.Spans.Select((span, i) => span with { ImageIndex = i });
        var ids = checkpoint.Positions(new TokenizedPrompt(prompt.Ids, [.. spans]), prompt.Images);
        var axes = new int[ids.Axes][];
        for (var a = 0; a < axes.Length; a++)
        {
            axes[a] = ids.Values.Span.Slice(a * ids.Count, ids.Count).ToArray();
        }

        return new PromptPositions(axes, ids.RopeDelta);
    }
}

/// <summary>
/// One request on its way through the decoder. Touched by the engine thread only, but for its channel and cancellation, and for its rows, slots' lengths and importance while a job is under way.
/// </summary>
internal sealed class Sequence(PreparedPrompt prompt, float[] features, PromptPositions positions, GenerationOptions options, int layers, CancellationToken cancelled)
{
    public PreparedPrompt Prompt { get; } = prompt;

    /// <summary>Visual features [N_I, <see cref="VlmConfig.FeatureWidth"/>].</summary>
    public float[] Features { get; private set; } = features;

    /// <summary>Whether it has images whose features were not made, since what is kept of them may do.</summary>
    public bool LacksFeatures => Features.Length == 0 && VisualPositions.Length > 0;

    /// <summary>Completes when its prompt begins to run or can never; false: the features are needed, and it is to come again with them.</summary>
    public TaskCompletionSource<bool> Begun { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <summary>Whether its turn had come when it was sent back for its features.</summary>
    public bool HadItsTurn { get; set; }

    /// <summary>Whether it goes before all who wait, since it was sent back when its turn had come.</summary>
    public bool ComesFirst { get; init; }

    /// <summary>Takes features that were kept.</summary>
    public void TakeFeatures(float[] kept) => Features = kept;

    public PromptPositions Positions { get; } = positions;

    public GenerationOptions Options { get; } = options;

    public CancellationToken Cancelled { get; } = cancelled;

    public Channel<GenerationEvent> Events { get; } = Channel.CreateUnbounded<GenerationEvent>(new UnboundedChannelOptions { SingleWriter = true, SingleReader = true });

    /// <summary>Where the visual tokens are; one run per image.</summary>
    public VisualTokens Visual { get; } = prompt.Visual();

    /// <summary>Their prompt positions, ascending, [N_I].</summary>
    public int[] VisualPositions { get; } = prompt.VisualPositions();

    /// <summary>One slot per stage, in stage order; empty until admitted.</summary>
    public KvSlot[] Slots { get; set; } = [];

    /// <summary>The sum A and its parts; null when importance was not asked for.</summary>
    public ImportanceAccumulator? Importance { get; } = options.Importance is null || prompt.VisualTokenCount == 0
        ? null
        : new ImportanceAccumulator(prompt.VisualTokenCount, layers, options.Importance);

    /// <summary>What is left to do before it decodes, or behind its last token; null while it decodes or waits for admission.</summary>
    public SequenceWork? Work { get; set; }

    /// <summary>Jobs that it is in: as long as there are any, it stays in the batch, whatever becomes of it.</summary>
    public int JobsUnderWay { get; set; }

    /// <summary>Why it ends when no job is under way any more; null: it goes on.</summary>
    public Exception? Failure { get; set; }

    /// <summary>The number of its last decode step among those of the engine.</summary>
    public long LastStep { get; set; }

    /// <summary>Whether its prompt begins only when that of another one, whose image it shares, is done.</summary>
    public bool WaitsForItsImage { get; set; }

    /// <summary>Rows of its prompt and draft that are still to run, about.</summary>
    public int RowsLeft { get; set; }

    /// <summary>Its turn among those with work: rows that the engine will have run by when its prompt should be done.</summary>
    public long DueAt { get; set; }

    /// <summary>The same attention by layer, for the next turn of the chat; null where nothing is kept.</summary>
    public AttentionSums? KeptSums { get; set; }

    /// <summary>What its images are, one key each; null where nothing of the request is looked for in the prefix store, or kept there.</summary>
    public IReadOnlyList<VisionKey>? ImageKeys { get; init; }

    /// <summary>Prompt rows at its front that an earlier request had run.</summary>
    public int CachedPromptTokens { get; set; }

    /// <summary>Ids that the prefill runs behind the prompt, because they may be the answer.</summary>
    public int[] Draft { get; set; } = [];

    /// <summary>How many of them, from the front, were chosen.</summary>
    public int AcceptedDraftTokens { get; set; }

    public List<int> Generated { get; } = [];

    /// <summary>ln P of each generated id under the processed scores.</summary>
    public List<float> LogProbabilities { get; } = [];

    /// <summary>Entropy of each step's distribution, nats.</summary>
    public List<float> Entropies { get; } = [];

    /// <summary>Hidden row of the decode step that is under way, [hidden].</summary>
    public float[] Hidden { get; set; } = [];

    /// <summary>Where that row is in a GPU's memory, see <see cref="Devices.DeviceLane.Step"/>.</summary>
    public int StepRow { get; set; }

    public TokenChooser? Chooser { get; set; }

    public StreamingDetokenizer? Detokenizer { get; set; }

    public System.Text.StringBuilder Answer { get; } = new();

    public FinishReason? Finish { get; set; }

    public int KeptVisualTokens { get; set; } = prompt.VisualTokenCount;

    /// <summary>Pieces in which prompt and draft ran.</summary>
    public int PrefillChunks { get; set; }

    /// <summary>Rows beside decode steps that the engine had run when the last token was chosen.</summary>
    public long RowsAtLastToken { get; set; }

    /// <summary>Most of them between two of its tokens.</summary>
    public int RowsBetweenTokens { get; set; }

    /// <summary>Counts at its end.</summary>
    public GenerationUsage? Usage { get; set; }

    /// <summary>The span that its phases belong to; the default: nobody records it.</summary>
    public System.Diagnostics.ActivityContext Parent { get; init; }

    public long SubmittedAt { get; init; }

    /// <summary>When it came into the queue; of one that was sent back for its features as much earlier as it had waited before.</summary>
    public long QueuedAt { get; init; }

    /// <summary>When it had its last token.</summary>
    public long EndedAt { get; set; }

    /// <summary>When its prompt began to run.</summary>
    public long AdmittedAt { get; set; }

    public TimeSpan TimeToFirstToken { get; set; }

    public TimeSpan PrefillTime { get; set; }

    public TimeSpan DecodeTime { get; set; }

    /// <summary>Absolute position of the next input token.</summary>
    public int NextPosition => Prompt.Ids.Length + Generated.Count - 1 + Positions.Delta;
}

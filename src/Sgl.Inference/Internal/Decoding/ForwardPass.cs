using System.Runtime.InteropServices;
using Sgl.Guidance;

namespace Sgl.Inference.Internal.Decoding;

/// <summary>Stages of a pass without pruning between them.</summary>
/// <param name="firstStage">First stage.</param>
/// <param name="lastStage">Last stage, inclusive.</param>
/// <param name="waiting">Rows in front of it; null for the first segment, whose rows are made from the prompt.</param>
internal sealed class PassSegment(int firstStage, int lastStage, IRowQueue? waiting)
{
    public int FirstStage => firstStage;

    public int LastStage => lastStage;

    public IRowQueue? Waiting => waiting;

    /// <summary>Row numbers of what waits in front of it when all that has begun is done, less what has begun from there.</summary>
    public List<int> Rows { get; } = [];

    /// <summary>How many of them, from the first, are there.</summary>
    public int Ready { get; set; }

    /// <summary>Visual tokens that go through it; null: all.</summary>
    public KeepMask? Mask { get; set; }

    /// <summary>Whether the mask comes from the attention of the layer in front, so that all rows must have come first.</summary>
    public bool MaskPending { get; set; }
}

/// <summary>A chunk of a pass that has begun.</summary>
/// <param name="Segment">Which segment it goes through.</param>
/// <param name="From">Of the first segment: how many rows are in front of it.</param>
/// <param name="Count">Rows.</param>
/// <param name="Passed">Rows that go on into the next segment, as far as that is known.</param>
internal readonly record struct PassChunk(int Segment, int From, int Count, int Passed);

/// <summary>Hears of the rows of a chunk in front of a stage, before pruning there; valid during the call.</summary>
/// <param name="stage">The stage that comes next.</param>
/// <param name="rows">Row numbers of the pass, ascending.</param>
/// <param name="hidden">[rows, hidden].</param>
internal delegate void BorderRows(int stage, ReadOnlySpan<int> rows, ReadOnlySpan<float> hidden);

/// <summary>
/// How far the rows of one sequence have come on their way through the stages: a prefill, or a consistency pass. They move in chunks, each through one
/// segment; where rows are pruned they gather again, so that few kept rows do not cost a run of all later layers for every chunk.
/// The engine thread begins chunks and hears of their end; in between they belong to the lanes they are in, and several may be under way. Which rows a chunk has does not depend on how far
/// others have come: whatever the number of devices, numbers are the same to the last bit.
/// </summary>
internal sealed class ForwardPass : IDisposable
{
    private readonly List<PassSegment> _segments;
    private readonly int[] _front;
    private readonly AnswerRows _answers;
    private readonly int _width;
    private int _next;
    private int _ran;
    private int _underWay;
    private volatile bool _broken;

    /// <param name="sequence">Whose rows.</param>
    /// <param name="rows">The rows.</param>
    /// <param name="segments">First to last.</param>
    /// <param name="width">Hidden width.</param>
    /// <param name="answers">A place for the rows that predict the answer; disposed with the pass.</param>
    public ForwardPass(Sequence sequence, PassRows rows, IReadOnlyList<PassSegment> segments, int width, AnswerRows answers)
    {
        Sequence = sequence;
        Rows = rows;
        _segments = [.. segments];
        _width = width;
        _front = rows.Kept(segments[0].Mask);
        _answers = answers;
    }

    public Sequence Sequence { get; }

    public PassRows Rows { get; }

    /// <summary>Rows from the first that were left out, see <see cref="Resume"/>.</summary>
    public int Resumed { get; private set; }

    /// <summary>Rows of the prompt [start, end) whose attention is read in a stage; null reads none anywhere.</summary>
    public Func<int, (int Start, int End)>? AttentionRows { get; init; }

    /// <summary>Receives what the pass goes through; null in normal operation.</summary>
    public GenerationTrace? Trace { get; init; }

    /// <summary>Hears of every chunk in front of every stage but the first; null: nobody does.</summary>
    public BorderRows? Border { get; set; }

    /// <summary>
    /// A row that begins a chunk, whatever else does: where rows in front of it may be known another time, those behind it then run as they do now, and give the same to
    /// the last bit.
    /// </summary>
    public int Cut { get; set; }

    /// <summary>Whether all rows went through all stages.</summary>
    public bool Done => AllBegun && _underWay == 0;

    /// <summary>Whether no chunk is left to begin.</summary>
    public bool AllBegun => _next == _front.Length && _segments.TrueForAll(s => s.Rows.Count == 0);

    /// <summary>Rows of the first segment that have not run; not those that wait in front of a later one.</summary>
    public int RowsLeft => _front.Length - _ran;

    /// <summary>Whether a chunk failed, so that those behind it cannot run.</summary>
    public bool Broken
    {
        get => _broken;
        set => _broken = value;
    }

    /// <summary>Whether its chunks run one after the other: what is read from the attention is added up in their order, and may decide what comes next.</summary>
    private bool OneAtATime => AttentionRows is not null || Trace is not null;

    /// <summary>Cuts a segment in two, so that rows can enter in front of a stage where nothing is pruned. Before <see cref="Resume"/>.</summary>
    public void Split(int stage)
    {
        var index = _segments.FindIndex(s => s.FirstStage < stage && stage <= s.LastStage);
        if (index >= 0)
        {
            var whole = _segments[index];
            _segments[index] = new PassSegment(whole.FirstStage, stage - 1, whole.Waiting) { Mask = whole.Mask, MaskPending = whole.MaskPending };
            _segments.Insert(index + 1, new PassSegment(stage, whole.LastStage, new RowQueue(_width)));
        }
    }

    /// <summary>
    /// Leaves out rows whose keys and values are in the sequence's slots already, in front of a stage. Before the first chunk; the slots' lengths are the
    /// caller's to set.
    /// </summary>
    /// <param name="rows">How many, from the first; at least one row of the prompt must be left.</param>
    /// <param name="stage">The first stage that has not seen them: one in front of which this pass prunes or that <see cref="Split"/> named, or the number of stages.</param>
    /// <param name="hidden">What goes into that stage, [rows - everywhere, hidden], not pruned; empty behind the last stage.</param>
    /// <param name="everywhere">How many of the rows, from the first, all stages have seen.</param>
    public void Resume(int rows, int stage, ReadOnlySpan<float> hidden, int everywhere = 0)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(rows, Rows.PromptCount);
        if (_next > 0)
        {
            throw new InvalidOperationException("the pass has begun");
        }

        Resumed = rows;
        if (stage <= _segments[^1].LastStage)
        {
            var segment = _segments.FirstOrDefault(s => s.FirstStage == stage && s.Waiting is not null)
                ?? throw new ArgumentOutOfRangeException(nameof(stage), stage, "no segment of the pass begins there");
            int[] numbers = [.. Enumerable.Range(everywhere, rows - everywhere)];
            segment.Waiting!.Add(Rows, numbers, hidden, segment.Mask);
            segment.Ready += Expect(segment, numbers);
        }

        while (_next < _front.Length && _front[_next] < rows)
        {
            _next++;
        }

        _ran = _next;
    }

    /// <summary>Rows of the next chunk; 0: none can begin before others are done.</summary>
    /// <param name="most">Rows at most; 0: all that are there.</param>
    public int NextRows(int most)
    {
        if (AllBegun || (OneAtATime && _underWay > 0))
        {
            return 0;
        }

        var (segment, rows) = Next(most);
        return segment == 0 || _segments[segment].Ready >= rows ? rows : 0;
    }

    /// <summary>Begins the next chunk, of <see cref="NextRows"/> rows.</summary>
    /// <param name="most">Rows at most; 0: all that are there.</param>
    public PassChunk Begin(int most)
    {
        var (segment, count) = Next(most);
        var from = _next;
        var waiting = _segments[segment].Rows;
        var rows = segment == 0 ? _front.AsSpan(_next, count) : CollectionsMarshal.AsSpan(waiting)[..count];
        var passed = segment + 1 < _segments.Count ? Expect(_segments[segment + 1], rows) : 0;
        if (segment == 0)
        {
            _next += count;
        }
        else
        {
            waiting.RemoveRange(0, count);
            _segments[segment].Ready -= count;
        }

        _underWay++;
        return new PassChunk(segment, from, count, passed);
    }

    /// <summary>A chunk that has begun went through its segment.</summary>
    public void End(PassChunk chunk)
    {
        _underWay--;
        _ran += chunk.Segment == 0 ? chunk.Count : 0;
        if (_underWay == 0)
        {
            // What a mask that was pending has dropped is known now.
            _segments.ForEach(s => s.Ready = s.Rows.Count);
        }
        else if (chunk.Segment + 1 < _segments.Count)
        {
            _segments[chunk.Segment + 1].Ready += chunk.Passed;
        }
    }

    /// <summary>Moves the rows of a chunk into it.</summary>
    public void Take(PassChunk part, ChunkRows chunk, EmbeddingTable embeddings)
    {
        if (_segments[part.Segment].Waiting is { } queue)
        {
            queue.Take(Rows, chunk, part.Count);
            return;
        }

        chunk.Begin(Rows, part.Count, out var rows, out var hidden);
        _front.AsSpan(part.From, part.Count).CopyTo(rows);
        for (var i = 0; i < part.Count; i++)
        {
            Rows.Read(rows[i], embeddings, hidden.Slice(i * _width, _width));
        }
    }

    /// <summary>Puts a chunk that went through a segment in front of the next one; behind the last one keeps the rows that predict the answer.</summary>
    public void Give(int segment, ChunkRows chunk)
    {
        if (segment + 1 < _segments.Count)
        {
            var next = _segments[segment + 1];
            next.Waiting!.Add(Rows, chunk, next.Mask);
            return;
        }

        // The row in front of each id predicts it, so the first of them is the prompt's last row. Rows ascend, and none of the answer's is left out.
        var first = 0;
        while (first < chunk.Count && chunk.Rows[first] < Rows.PromptCount - 1)
        {
            first++;
        }

        if (first < chunk.Count)
        {
            _answers.Write(chunk.Rows[first] - (Rows.PromptCount - 1), chunk, first, chunk.Count - first);
        }
    }

    /// <summary>Makes the segment that begins at a stage wait for <see cref="Decide"/>.</summary>
    public void Await(int stage) => _segments.Single(s => s.FirstStage == stage).MaskPending = true;

    /// <summary>Sets the mask that the attention in front of a segment gave; called where that was read, while no other chunk is under way.</summary>
    public void Decide(int stage, KeepMask mask)
    {
        var segment = _segments.Single(s => s.FirstStage == stage);
        segment.Mask = mask;
        segment.MaskPending = false;
        segment.Rows.RemoveAll(row => !RowQueue.Keeps(Rows, row, mask));
        segment.Waiting!.Keep(Rows, mask);
    }

    /// <summary>Stages of a segment, first and last.</summary>
    public (int First, int Last) StagesOf(int segment) => (_segments[segment].FirstStage, _segments[segment].LastStage);

    /// <summary>The rows that predict the answer's ids, of a pass that is done.</summary>
    public AnswerRows Answers => _answers;

    public void Dispose()
    {
        foreach (var segment in _segments)
        {
            segment.Waiting?.Dispose();
        }

        _answers.Dispose();
    }

    /// <summary>Which segment is next, and how many rows.</summary>
    private (int Segment, int Rows) Next(int most)
    {
        most = most == 0 ? int.MaxValue : most;
        // The deepest first, so that little waits. A segment runs when a chunk is there, or when nothing can come any more.
        for (var i = _segments.Count - 1; i > 0; i--)
        {
            var waiting = _segments[i].Rows.Count;
            var complete = _next == _front.Length && _segments.Take(i).All(s => s.Rows.Count == 0);
            if (waiting > 0 && (complete || (waiting >= most && !_segments[i].MaskPending)))
            {
                return (i, complete ? Even(waiting, most) : most);
            }
        }

        return (0, Even(RowsToCut(), most));
    }

    /// <summary>Writes down which rows come in front of a segment.</summary>
    private int Expect(PassSegment segment, ReadOnlySpan<int> rows)
    {
        var before = segment.Rows.Count;
        foreach (var row in rows)
        {
            if (RowQueue.Keeps(Rows, row, segment.Mask))
            {
                segment.Rows.Add(row);
            }
        }

        return segment.Rows.Count - before;
    }

    /// <summary>Rows in front of the first segment, up to the cut where that is still ahead.</summary>
    private int RowsToCut()
    {
        var cut = Array.BinarySearch(_front, _next, _front.Length - _next, Cut);
        cut = cut < 0 ? ~cut : cut;
        return (cut > _next ? cut : _front.Length) - _next;
    }

    /// <summary>Chunks of about the same size, rather than a small one at the end.</summary>
    private static int Even(int rows, int most)
    {
        var chunks = ((rows - 1L) / most) + 1;
        return (int)((rows + chunks - 1) / chunks);
    }
}

using Sgl.Inference.Internal.Decoding;
using Sgl.Text;

namespace Sgl.Inference.Internal.Scheduling;

/// <summary>Turns what the head made into a sequence's next ids: choice, text, event, end. Used by the engine thread only.</summary>
internal sealed class TokenEmitter(
    Decoder decoder, ITokenizer? tokenizer, Func<Sequence, IReadOnlyList<int>> stopIds, Func<Sequence, TokenChooser> choosers)
{
    // A draft is mostly refused early, so the head runs over a few of its rows at a time.
    public const int DraftRows = 16;

    /// <summary>Makes a sequence ready for its prefill.</summary>
    public void Prepare(Sequence sequence)
    {
        sequence.Chooser = choosers(sequence);
        sequence.Detokenizer = tokenizer is null ? null : new StreamingDetokenizer(tokenizer, sequence.Options.Sampling.StopStrings);
        sequence.Draft = decoder.UsableDraft(sequence, stopIds(sequence));
    }

    /// <summary>The rows of a prefill that the next ids of a sequence are chosen from.</summary>
    public static AnswerRequest Ask(Sequence sequence)
    {
        var first = sequence.Generated.Count;
        return new AnswerRequest(first, Math.Min(DraftRows, sequence.Draft.Length + 1 - first), [], Decoder.NeedsLogits(sequence));
    }

    /// <summary>
    /// Chooses the first id behind a prefill and, as long as the choice is what the draft says, the ids behind it: each draft id's row is in the pass
    /// already. The choices are those that decode steps would make; what is left of the draft is taken out of the KV caches.
    /// </summary>
    /// <param name="sequence">The sequence.</param>
    /// <param name="rows">What the head made of the rows that <see cref="Ask"/> named.</param>
    /// <returns>Whether the draft is used up; if not, the next call goes on with more of its rows.</returns>
    public bool AdvanceBehindPrefill(Sequence sequence, IHeadRows rows)
    {
        var draft = sequence.Draft;
        var first = sequence.Generated.Count;
        var count = Math.Min(DraftRows, draft.Length + 1 - first);
        for (var i = 0; i < count; i++)
        {
            Advance(sequence, rows, i);
            var behind = first + i;
            if (sequence.Finish is not null || behind == draft.Length || sequence.Generated[^1] != draft[behind])
            {
                sequence.AcceptedDraftTokens = behind;
                decoder.Forget(sequence, draft.Length - behind);
                return true;
            }
        }

        return false;
    }

    /// <summary>Chooses the next id, tells the client, and sets <see cref="Sequence.Finish"/> where the sequence ends.</summary>
    public void Advance(Sequence sequence, IHeadRows rows, int row)
    {
        sequence.Options.Trace?.StepLogits.Add(rows.Logits(row).ToArray());
        var choice = rows.Choose(row, sequence.Chooser!, sequence.Generated.Count);
        var alternatives = Alternatives(sequence);
        sequence.Generated.Add(choice.Id);
        sequence.LogProbabilities.Add(choice.LogProbability);
        sequence.Entropies.Add(choice.Entropy);
        var text = "";
        if (stopIds(sequence).Contains(choice.Id))
        {
            sequence.Finish = FinishReason.Stop;
        }
        else
        {
            text = sequence.Detokenizer?.Push(choice.Id) ?? "";
            sequence.Finish = sequence.Detokenizer?.Stopped == true || sequence.Chooser!.IsComplete ? FinishReason.Stop
                : sequence.Generated.Count >= sequence.Options.Sampling.MaxNewTokens ? FinishReason.Length
                : null;
        }

        if (sequence.Finish is not null)
        {
            text += sequence.Detokenizer?.Flush() ?? "";
        }

        sequence.Answer.Append(text);
        sequence.Events.Writer.TryWrite(new GenerationEvent.Token(sequence.Generated.Count - 1, choice.Id, text, choice.LogProbability) { Alternatives = alternatives });
    }

    private IReadOnlyList<TokenAlternative> Alternatives(Sequence sequence) => sequence.Options.Sampling.TopLogProbabilities is > 0 and var count
        ? [.. sequence.Chooser!.Likeliest(count).Select(a => new TokenAlternative(a.Id, tokenizer?.TokenBytes(a.Id) ?? default, a.LogProbability))]
        : [];
}

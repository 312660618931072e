using Sgl.Hosting;
using Sgl.Inference;
using Wire = Sgl.V1;

namespace Sgl.LargeService;

/// <summary>A draft from the wire.</summary>
internal static class DraftReader
{
    private const string Field = "guidance.draft";

    /// <summary>The draft's ids; none without a draft. A vocabulary that is not the model's, or an id outside it, is noted.</summary>
    public static IReadOnlyList<int> Read(Wire.Draft? draft, ModelDescription model, ViolationList violations)
    {
        if (draft is null)
        {
            return [];
        }

        if (draft.TokenizerDigest.Length > 0 && draft.TokenizerDigest != model.TokenizerDigest)
        {
            violations.Add(
                $"{Field}.tokenizer_digest",
                $"the draft was made with the vocabulary {draft.TokenizerDigest}, {model.Name} has {model.TokenizerDigest ?? "none"}: its ids mean something else here",
                ErrorReasons.VocabularyMismatch);
        }

        for (var i = 0; i < draft.TokenIds.Count; i++)
        {
            if (draft.TokenIds[i] < 0 || draft.TokenIds[i] >= model.VocabularySize)
            {
                violations.Add($"{Field}.token_ids[{i}]", $"{draft.TokenIds[i]} is not in the vocabulary of {model.VocabularySize}", ErrorReasons.VocabularyMismatch);
                break;
            }
        }

        return draft.TokenIds;
    }
}

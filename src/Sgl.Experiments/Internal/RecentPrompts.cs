using Sgl.Evaluation;
using Sgl.Inference;

namespace Sgl.Experiments.Internal;

/// <summary>A prompt and how long its image took to decode.</summary>
internal sealed record TimedPrompt(PreparedPrompt Prompt, TimeSpan Decoding)
{
    /// <summary>Processor time of preparing and encoding it, measured once.</summary>
    public TimeSpan Processor { get; set; }
}

/// <summary>The prompts of the questions that are being asked, so that all methods share one run of the vision tower.</summary>
/// <param name="kept">How many; at least as many as questions are in flight.</param>
internal sealed class RecentPrompts(int kept = 8)
{
    private readonly LinkedList<(EvaluationQuestion Question, Task<TimedPrompt> Prompt)> _recent = [];
    private readonly Lock _lock = new();

    /// <summary>The prompt of a question, prepared at its first use; a preparation that failed is tried again.</summary>
    public Task<TimedPrompt> GetAsync(EvaluationQuestion question, Func<Task<TimedPrompt>> prepare)
    {
        lock (_lock)
        {
            for (var node = _recent.First; node is not null; node = node.Next)
            {
                if (ReferenceEquals(node.Value.Question, question))
                {
                    if (!node.Value.Prompt.IsFaulted && !node.Value.Prompt.IsCanceled)
                    {
                        return node.Value.Prompt;
                    }

                    _recent.Remove(node);
                    break;
                }
            }

            var prompt = prepare();
            _recent.AddFirst((question, prompt));
            if (_recent.Count > kept)
            {
                _recent.RemoveLast();
            }

            return prompt;
        }
    }
}

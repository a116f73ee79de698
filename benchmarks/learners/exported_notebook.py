#!/usr/bin/env python
# coding: utf-8

# # Digit Recognizer with a deeper network
# 
# Three layers now: 784 - 10 - 10 - 10. LeakyReLU because too many of the ReLUs died.

# In[1]:


import numpy as np
import pandas as pd
import matplotlib.pyplot as plt
from tqdm import tqdm
get_ipython().run_line_magic('matplotlib', 'inline')


# In[2]:


train = pd.read_csv('../input/digit-recognizer/train.csv')
test = pd.read_csv('../input/digit-recognizer/test.csv')
train.describe()


# In[3]:


labels = train['label'].values
X = train.drop(columns=['label']).values.T / 255.
X_submit = test.values.T / 255.


# In[4]:


def LReLU(Z):
    return np.where(Z > 0, Z, 0.1 * Z)

def LReLU_deriv(Z):
    return np.where(Z > 0, 1, 0.1)

def softmax(Z):
    Z = Z - np.max(Z, axis=0)
    return np.exp(Z) / np.sum(np.exp(Z), axis=0)


# In[5]:


def init():
    W = [None]
    b = [None]
    for n_in, n_out in [(784, 10), (10, 10), (10, 10)]:
        W.append(np.random.randn(n_out, n_in) * np.sqrt(2 / n_in))
        b.append(np.random.randn(n_out, 1) * 0.1)
    return W, b


# In[6]:


def forward(X, W, b):
    Z1 = W[1] @ X + b[1]
    A1 = LReLU(Z1)
    Z2 = W[2] @ A1 + b[2]
    A2 = LReLU(Z2)
    Z3 = W[3] @ A2 + b[3]
    A3 = softmax(Z3)
    return Z1, A1, Z2, A2, Z3, A3


# In[7]:


def backward(X, Y, W, Z1, A1, Z2, A2, Z3, A3):
    n = X.shape[1]
    dZ3 = A3 - Y
    dW3 = dZ3 @ A2.T / n
    db3 = dZ3.mean(axis=1, keepdims=True)
    dA2 = W[3].T @ dZ3
    dZ2 = dA2 * LReLU_deriv(Z2)
    dW2 = dZ2 @ A1.T / n
    db2 = dZ2.mean(axis=1, keepdims=True)
    dA1 = W[2].T @ dZ2
    dZ1 = dA1 * LReLU_deriv(Z1)
    dW1 = dZ1 @ X.T / n
    db1 = dZ1.mean(axis=1, keepdims=True)
    return dW1, db1, dW2, db2, dW3, db3


# In[8]:


Y = np.zeros((10, labels.size))
Y[labels, np.arange(labels.size)] = 1
W, b = init()
lr = 0.2
accs = []
for i in tqdm(range(400)):
    Z1, A1, Z2, A2, Z3, A3 = forward(X, W, b)
    dW1, db1, dW2, db2, dW3, db3 = backward(X, Y, W, Z1, A1, Z2, A2, Z3, A3)
    W[1] = W[1] - lr * dW1
    b[1] = b[1] - lr * db1
    W[2] = W[2] - lr * dW2
    b[2] = b[2] - lr * db2
    W[3] = W[3] - lr * dW3
    b[3] = b[3] - lr * db3
    accs.append(np.mean(A3.argmax(axis=0) == labels))


# In[9]:


plt.plot(accs)
accs[-1]


# In[10]:


answer = forward(X_submit, W, b)[-1].argmax(axis=0)
submission = pd.DataFrame({'ImageId': np.arange(1, len(answer) + 1), 'Label': answer})
submission.to_csv('submission.csv', index=False)
